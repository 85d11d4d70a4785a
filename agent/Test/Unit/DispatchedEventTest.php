<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Cron\Model\ConfigInterface;
use Magento\Cron\Model\Schedule;
use Magento\Framework\DataObject;
use Magento\Framework\Exception\LocalizedException;
use Magento\Framework\Message\ManagerInterface;
use MagentoEventBridge\Agent\Plugin\CaptureRefusedCustomer;
use MagentoEventBridge\Agent\Snapshot\CacheFlush;
use MagentoEventBridge\Agent\Snapshot\CronJob;
use MagentoEventBridge\Agent\Snapshot\Customer;
use MagentoEventBridge\Agent\Snapshot\NewCustomer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Watcher\CronRun;
use MagentoEventBridge\Agent\Watcher\DispatchedEvent;
use MagentoEventBridge\Agent\Watcher\RefusedCustomer;
use PHPUnit\Framework\TestCase;

class DispatchedEventTest extends TestCase
{
    private const LOGIN = 'controller_action_postdispatch_customer_account_loginpost';
    private const BEFORE_LOGIN = 'controller_action_predispatch_customer_account_loginpost';

    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
    }

    public function testAFlushedCacheIsSentFromACommandToo(): void
    {
        $this->shop->state->area = null;
        $this->shop->watchers['adminhtml_cache_flush_all'] = $this->happening(new CacheFlush());
        $this->shop->dispatch('adminhtml_cache_flush_all');
        $written = $this->shop->database->written()[0];

        self::assertSame(['cache', null, 0], [$written['subject'], $written['area'], $written['store_id']]);
    }

    public function testACustomerIsSignedUpOnceAndWithoutSecrets(): void
    {
        $this->shop->watchers['customer_save_after_data_object'] = $this->happening(new NewCustomer(new Customer()));
        $customer = new DataObject(['id' => '5', 'email' => 'a@example.com', 'store_id' => 2, 'rp_token' => 'x']);
        foreach ([null, $customer] as $former) {
            $this->shop->dispatch('customer_save_after_data_object', [
                'customer_data_object' => $customer,
                'orig_customer_data_object' => $former,
            ]);
        }
        $written = $this->shop->database->written();

        self::assertCount(1, $written);
        self::assertTrue($written[0]['is_new']);
        self::assertSame(['customer/5', 2], [$written[0]['subject'], $written[0]['store_id']]);
        self::assertStringNotContainsString('rp_token', json_encode($written[0]));
    }

    public function testARefusedLoginIsSentInTheWordsOfItsOwnMessages(): void
    {
        $messages = $this->messages(['old text' => null]);
        $this->refusedCustomer($messages);
        $request = new class (['login' => ['username' => 'a@example.com', 'password' => 'secret']]) extends DataObject {
            public function getParam($name)
            {
                return $this->getData($name);
            }
        };
        $this->shop->dispatch(self::BEFORE_LOGIN, ['request' => $request]);
        $this->shop->dispatch(self::LOGIN, ['request' => $request]);
        self::assertSame([], $this->shop->database->written());

        $this->shop->dispatch(self::BEFORE_LOGIN, ['request' => $request]);
        $messages->add('plain text', 'default_message_identifier');
        $messages->add(null, 'confirmAccountErrorMessage');
        $this->shop->dispatch(self::LOGIN, ['request' => $request]);
        $written = $this->shop->database->written();

        self::assertCount(1, $written);
        self::assertSame(
            ['username' => 'a@example.com', 'messages' => ['plain text', 'confirmAccountErrorMessage']],
            $written[0]['snapshot']
        );
    }

    public function testARefusedTokenIsSentAndTheExceptionGoesOn(): void
    {
        $plugin = new CaptureRefusedCustomer(
            $this->shop->fence,
            $this->refusedCustomer($this->messages([])),
            $this->shop->execution
        );
        $refuse = function (): void {
            throw new LocalizedException('The account sign-in was incorrect.');
        };
        foreach (['aroundCreateCustomerAccessToken', 'aroundAuthenticate'] as $method) {
            $this->shop->state->area = 'graphql';
            try {
                $plugin->$method(null, $refuse, 'a@example.com', 'secret');
                self::fail('nothing was thrown');
            } catch (LocalizedException $exception) {
                self::assertSame('The account sign-in was incorrect.', $exception->getMessage());
            }
        }
        $written = $this->shop->database->written();

        self::assertSame(['plugin:customer_account.authenticate'], array_column($written, 'event'));
        self::assertStringNotContainsString('secret', json_encode($written));
    }

    /**
     * Magento 2.4 saves a job as running and then dispatches its event; 2.3 has no such event.
     *
     * @testWith [true]
     *           [false]
     */
    public function testACronJobIsSentAtItsStartAndItsEnd(bool $isDispatched): void
    {
        $this->shop->state->area = 'crontab';
        $runs = $this->cronRuns();
        $this->shop->watchers['cron_job_run'] = $runs;
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'pending']));
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'running']));
        if ($isDispatched) {
            $this->shop->dispatch('cron_job_run', ['job_name' => 'cron/default/clean']);
        }
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'error', 'messages' => 'it broke']));
        $runs->saved(new Schedule(['job_code' => 'clean', 'status' => 'missed']));
        $written = $this->shop->database->written();
        $snapshots = array_column($written, 'snapshot');

        self::assertSame(
            ['cron_job_run', 'plugin:cron_schedule.save', 'plugin:cron_schedule.save'],
            array_column($written, 'event')
        );
        self::assertSame(['running', 'error', 'missed'], array_column($snapshots, 'status'));
        self::assertSame([null, 'it broke', null], array_column($snapshots, 'messages'));
        self::assertSame(['default', 'default', 'default'], array_column($snapshots, 'group_id'));
        self::assertSame(['name' => 'clean', 'schedule' => '* * * * *'], $snapshots[0]['job_config']);
        self::assertIsNumeric($snapshots[1]['duration']);
        self::assertNull($snapshots[2]['duration']);
    }

    private function happening(SnapshotInterface $snapshots): DispatchedEvent
    {
        return new DispatchedEvent($snapshots, $this->shop->recorder);
    }

    private function refusedCustomer(ManagerInterface $messages): RefusedCustomer
    {
        $watcher = new RefusedCustomer($messages, $this->shop->execution, $this->shop->recorder);
        $this->shop->watchers[self::BEFORE_LOGIN] = $watcher;
        $this->shop->watchers[self::LOGIN] = $watcher;

        return $watcher;
    }

    private function cronRuns(): CronRun
    {
        $config = new class implements ConfigInterface {
            public function getJobs()
            {
                return ['default' => ['clean' => ['name' => 'clean', 'schedule' => '* * * * *', 'odd' => []]]];
            }
        };

        return new CronRun(new CronJob($config), $this->shop->recorder);
    }

    private function messages(array $texts): ManagerInterface
    {
        $messages = new class implements ManagerInterface {
            private $errors = [];

            public function add(?string $text, ?string $identifier): void
            {
                $this->errors[] = new DataObject(['text' => $text, 'identifier' => $identifier]);
            }

            public function getMessages()
            {
                return new DataObject(['errors' => $this->errors]);
            }
        };
        foreach ($texts as $text => $identifier) {
            $messages->add($text, $identifier);
        }

        return $messages;
    }
}
