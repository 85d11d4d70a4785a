<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use MagentoEventBridge\Agent\Handover\TransportInterface;
use MagentoEventBridge\Agent\Snapshot\Fields;
use MagentoEventBridge\Agent\Snapshot\Order;
use MagentoEventBridge\Agent\Test\Doubles\Database;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use PHPUnit\Framework\TestCase;

/**
 * A shop that saves orders over another connection than the default one, which has the outbox.
 */
class SplitDatabaseTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var Database
     */
    private $sales;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->sales = new Database();
        $this->sales->plugin = $this->shop->database->plugin;
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order');
    }

    public function testAnOrderIsHandedOverOnceItsOwnConnectionHasCommitted(): void
    {
        $this->sales->begin();
        $this->save(1);
        self::assertSame([], $this->orders());
        $this->sales->commit();

        self::assertSame(['order/1'], $this->orders());
        self::assertSame([], $this->sales->written());
        self::assertTrue($this->shop->buffer->isEmpty());
    }

    public function testARolledBackOrderSendsNothing(): void
    {
        $this->sales->begin();
        $this->save(1);
        $this->sales->rollBack();
        $this->save(2);

        self::assertSame(['order/2'], $this->orders());
    }

    public function testACommitOfTheDefaultConnectionDoesNotSendAnOrderThatIsRolledBackLater(): void
    {
        $this->sales->begin();
        $this->save(1);
        $this->shop->database->begin();
        $this->shop->buffer->add($this->shop->captures->make('customer_login', 1, 'customer/1'));
        $this->shop->database->commit();
        $this->sales->rollBack();

        self::assertSame(['customer/1'], $this->orders());
    }

    public function testARollBackOfTheDefaultConnectionKeepsAnOrderThatIsCommitted(): void
    {
        $this->shop->database->begin();
        $this->shop->buffer->add($this->shop->captures->make('customer_login', 1, 'customer/1'));
        $this->save(1);
        self::assertSame([], $this->orders());
        $this->shop->database->rollBack();

        self::assertSame(['order/1'], $this->orders());
        self::assertTrue($this->shop->buffer->isEmpty());
    }

    public function testARollBackOfTheDefaultConnectionDoesNotDropAnOrderThatIsOpen(): void
    {
        $this->sales->begin();
        $this->save(1);
        $this->shop->database->begin();
        $this->shop->database->rollBack();
        $this->sales->commit();

        self::assertSame(['order/1'], $this->orders());
    }

    public function testAnOrderCommittedWithinATransactionOfTheDefaultConnectionIsWrittenAfterIt(): void
    {
        $this->shop->database->begin();
        $this->save(1);
        $this->shop->buffer->add($this->shop->captures->make('customer_login', 1, 'customer/1'));
        $this->shop->database->commit();

        self::assertSame(['customer/1', 'order/1'], $this->orders());
    }

    public function testAnOrderSavedWithoutATransactionIsHandedOverAtOnce(): void
    {
        $order = $this->order(1);
        $this->shop->dispatch('sales_order_save_before', ['order' => $order]);
        $this->shop->dispatch('sales_order_save_after', ['order' => $order]);

        self::assertSame(['order/1'], $this->orders());
    }

    public function testAnotherTransportGetsAnOrderAfterItsCommitToo(): void
    {
        $sent = [];
        $transport = $this->createStub(TransportInterface::class);
        $transport->method('isAvailable')->willReturn(true);
        $transport->method('send')->willReturnCallback(function (array $captures) use (&$sent): void {
            foreach ($captures as $capture) {
                $sent[] = $capture->getSubject();
            }
        });
        $this->shop->settings->values['aws_eventbridge/agent/transport'] = 'test';
        $this->shop->handOverBy(['test' => $transport]);
        $this->sales->plugin = $this->shop->database->plugin;
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order');
        $this->sales->begin();
        $this->save(1);
        $this->sales->rollBack();
        $this->save(2);

        self::assertSame(['order/2'], $sent);
    }

    private function order(int $number): StoredModel
    {
        $this->sales->things += ['sales_order' => []];

        return new StoredModel($this->sales, 'sales_order', [
            'entity_id' => $number,
            'increment_id' => (string)$number,
            'store_id' => 1,
            'status' => 'pending',
        ]);
    }

    private function save(int $number): void
    {
        $order = $this->order($number);
        $this->sales->begin();
        $this->shop->dispatch('sales_order_save_before', ['order' => $order]);
        $this->shop->dispatch('sales_order_save_after', ['order' => $order]);
        $this->sales->things['sales_order'][$number] = $order->getData();
        $this->sales->commit();
    }

    /**
     * @return string[]
     */
    private function orders(): array
    {
        return array_column($this->shop->database->written(), 'subject');
    }
}
