<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Customer\Model\Session;
use Magento\Framework\DataObject;
use Magento\Framework\Message\ManagerInterface;
use Magento\Framework\ObjectManager\ResetAfterRequestInterface;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Handover\AfterResponse;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Watcher\ObservedEvents;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;
use PHPUnit\Framework\TestCase;

/**
 * Magento resets objects between the requests of one process: those of its interface, and no others as the agent needs.
 */
class ResetTest extends TestCase
{
    public function testEachClassThatCanBeResetIsKnownToMagento(): void
    {
        $classes = $this->classes();
        self::assertContains(TransactionBuffer::class, $classes);
        foreach ($classes as $class) {
            self::assertTrue(is_a($class, ResetAfterRequestInterface::class, true), $class);
        }
    }

    public function testOlderVersionsOfMagentoDoNotHaveTheInterface(): void
    {
        $code = file_get_contents(dirname(__DIR__, 2) . '/ResettableInterface.php');
        $older = str_replace('\\Magento\\Framework\\ObjectManager\\', '\\Older\\', substr($code, strlen('<?php')));
        // phpcs:ignore Squiz.PHP.Eval
        eval(str_replace('namespace MagentoEventBridge\\Agent;', 'namespace MagentoEventBridge\\Agent\\Older;', $older));
        $interface = new \ReflectionClass('MagentoEventBridge\\Agent\\Older\\ResettableInterface');

        self::assertSame([], $interface->getInterfaceNames());
        self::assertTrue($interface->hasMethod('_resetState'));
    }

    public function testARefusedFormDoesNotReachTheNextRequest(): void
    {
        $shop = (new Shop())->switchOn();
        $shop->state->area = 'frontend';
        $messages = $this->createMock(ManagerInterface::class);
        $messages->method('getMessages')->willReturn(new DataObject(['errors' => []]));
        $refused = new RefusedCustomer(
            $messages,
            new Session(),
            $shop->execution,
            $shop->recorder,
            new ObservedEvents($shop->observers)
        );
        $request = new DataObject(['full_action_name' => 'customer_ajax_login', 'content' => '{}']);
        $refused->on('controller_action_predispatch_customer', new DataObject(['request' => $request]));
        $refused->_resetState();
        $response = new DataObject(['body' => '{"errors":true,"message":"no"}']);
        $data = new DataObject(['request' => $request, 'response' => $response]);
        $refused->on('controller_front_send_response_before', $data);

        self::assertSame([], $shop->database->written());
        self::assertSame([], $shop->log->lines);
    }

    public function testATransactionThatARequestLeftOpenSendsNothingToTheNextRequest(): void
    {
        $shop = new Shop();
        $shop->database->begin();
        $this->add($shop, 'left open');
        $shop->buffer->_resetState();
        self::assertTrue($shop->buffer->isEmpty());
        $this->add($shop, 'of the next request');
        $shop->database->commit();

        self::assertSame(['of the next request'], array_column($shop->database->written(), 'event'));
    }

    public function testWhatWaitsForTheResponseIsDeliveredAtTheReset(): void
    {
        $shop = new Shop();
        $execution = $this->createStub(ExecutionContext::class);
        $execution->method('endsWithRequest')->willReturn(true);
        $outbox = $shop->outbox();
        $afterResponse = new AfterResponse(new Cache(), $outbox, $shop->encoder, $execution, $shop->fence);
        $delivered = [];
        $deliver = function (array $batch) use (&$delivered): array {
            foreach ($batch as $json) {
                $delivered[] = json_decode($json)->event;
            }

            return [];
        };
        $afterResponse->send('bridge', [new Capture('1', 'a', 1.0, null, 1, null, null)], $deliver);
        self::assertSame([], $delivered);
        $afterResponse->_resetState();
        $afterResponse->_resetState();

        self::assertSame(['a'], $delivered);
    }

    /**
     * @dataProvider servers
     */
    public function testARequestOfAnApplicationServerIsNoCommand($answer): void
    {
        require_once dirname(__DIR__) . '/Doubles/application_servers.php';
        $execution = (new Shop())->execution;
        self::assertTrue($execution->isShell());
        $isShell = null;
        $answer(function () use ($execution, &$isShell): void {
            $isShell = $execution->isShell();
        });

        self::assertFalse($isShell);
    }

    public function servers(): array
    {
        return [
            'a worker of FrankenPHP' => ['frankenphp_handle_request'],
            'Magento\'s server' => [function (callable $request): void {
                $arguments = $_SERVER['argv'];
                $_SERVER['argv'] = ['bin/magento', 'server:run'];
                $request();
                $_SERVER['argv'] = $arguments;
            }],
            'Swoole' => [function (callable $request): void {
                \Swoole\Coroutine::$id = 1;
                $request();
                \Swoole\Coroutine::$id = -1;
            }],
            'RoadRunner' => [function (callable $request): void {
                putenv('RR_MODE=http');
                $request();
                putenv('RR_MODE');
            }],
        ];
    }

    public function testNothingGrowsOverManyRequestsOfOneProcess(): void
    {
        $shop = new Shop();
        $used = 0;
        for ($request = 0; $request < 3000; $request++) {
            $shop->database->begin();
            $this->add($shop, 'rolled back');
            $shop->database->rollBack();
            $shop->database->begin();
            $this->add($shop, 'committed');
            $shop->database->commit();
            $shop->database->written();
            $shop->database->statements = [];
            $shop->buffer->_resetState();
            $used = $request === 500 ? memory_get_usage() : $used;
        }

        self::assertLessThan(50000, memory_get_usage() - $used);
    }

    private function add(Shop $shop, string $event): void
    {
        $shop->buffer->add($shop->captures->make($event, 1, null));
    }

    /**
     * Returns the agent's classes that can be reset.
     *
     * @return string[]
     */
    private function classes(): array
    {
        $root = dirname(__DIR__, 2);
        $classes = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($root)) as $file) {
            $place = substr((string)$file, strlen($root) + 1, -4);
            $isOurs = $file->getExtension() === 'php' && strpos($place, 'Test') !== 0;
            if ($isOurs && strpos(file_get_contents((string)$file), 'function _resetState()') !== false) {
                $classes[] = 'MagentoEventBridge\\Agent\\' . str_replace('/', '\\', $place);
            }
        }

        return $classes;
    }
}
