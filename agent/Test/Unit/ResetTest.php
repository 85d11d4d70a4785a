<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Handover\AfterResponse;
use MagentoEventBridge\Agent\Handover\Outbox;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use PHPUnit\Framework\TestCase;

/**
 * Magento resets objects between the requests of one process, those that a module's etc/reset.json names.
 */
class ResetTest extends TestCase
{
    public function testEachClassThatMagentoResetsCanBeReset(): void
    {
        $named = array_keys($this->resetJson());
        self::assertNotEmpty($named);
        foreach ($named as $class) {
            self::assertTrue(method_exists($class, '_resetState'), $class);
        }
    }

    public function testEachClassThatCanBeResetIsNamed(): void
    {
        $root = dirname(__DIR__, 2);
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($root)) as $file) {
            $place = substr((string)$file, strlen($root) + 1, -4);
            if ($file->getExtension() !== 'php' || strpos($place, 'Test') === 0) {
                continue;
            }
            if (strpos(file_get_contents((string)$file), 'function _resetState()') !== false) {
                self::assertArrayHasKey(
                    'MagentoEventBridge\\Agent\\' . str_replace('/', '\\', $place),
                    $this->resetJson()
                );
            }
        }
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
        $outbox = new Outbox($shop->resource, $shop->fence);
        $afterResponse = new AfterResponse(new Cache(), $outbox, $execution, $shop->fence);
        $delivered = [];
        $deliver = function (array $captures) use (&$delivered): array {
            foreach ($captures as $capture) {
                $delivered[] = $capture->getEvent();
            }

            return [];
        };
        $afterResponse->send('bridge', [new Capture('1', 'a', 1.0, null, 1, null, null)], $deliver);
        self::assertSame([], $delivered);
        $afterResponse->_resetState();
        $afterResponse->_resetState();

        self::assertSame(['a'], $delivered);
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

    private function resetJson(): array
    {
        return json_decode(file_get_contents(dirname(__DIR__, 2) . '/etc/reset.json'), true);
    }
}
