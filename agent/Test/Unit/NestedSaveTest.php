<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\Fields;
use MagentoEventBridge\Agent\Snapshot\Order;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use PHPUnit\Framework\TestCase;

/**
 * Observers of other modules save an entity again while it is being saved.
 */
class NestedSaveTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order', [
            'implied' => ['order_cancel_after' => ['state' => 'canceled']],
        ]);
    }

    public function testANewOrderThatAnObserverSavesAgainIsNew(): void
    {
        $order = $this->order();
        $this->shop->dispatch('sales_order_place_after', ['order' => $order]);
        $this->shop->observer = function (StoredModel $order): void {
            $this->save($order->setData('status', 'processing'));
        };
        $this->save($order);
        $written = $this->shop->database->written();

        self::assertSame(['sales_order_place_after', 'sales_order_save_after'], array_column($written, 'event'));
        self::assertSame([true, true], array_column($written, 'is_new'));
        self::assertSame(['processing', 'processing'], array_column(array_column($written, 'snapshot'), 'status'));
    }

    public function testANewOrderThatAnObserverLoadsAndSavesIsNewAndHasWhatWasSavedLast(): void
    {
        $order = $this->order();
        $this->shop->dispatch('sales_order_place_after', ['order' => $order]);
        $this->shop->observer = function (StoredModel $order): void {
            $this->save($this->order(['status' => 'holded'] + $order->getData()));
        };
        $this->save($order);
        $written = $this->shop->database->written();
        $events = array_column($written, 'event');
        sort($events);

        self::assertSame(['sales_order_place_after', 'sales_order_save_after'], $events);
        self::assertSame([true, true], array_column($written, 'is_new'));
        self::assertSame(['holded', 'holded'], array_column(array_column($written, 'snapshot'), 'status'));
    }

    public function testAChangedOrderThatAnObserverSavesAgainIsComparedWithItsFirstRow(): void
    {
        $order = $this->savedOrder();
        $this->shop->observer = function (StoredModel $order): void {
            $this->save($this->order(['coupon_code' => 'X'] + $order->getData()));
        };
        $this->save($order->setData('status', 'holded'));
        $written = $this->shop->database->written();

        self::assertSame(['sales_order_save_after'], array_column($written, 'event'));
        self::assertEquals(['status' => 'pending', 'coupon_code' => null], $written[0]['original']);
        self::assertSame('X', $written[0]['snapshot']['coupon_code']);
    }

    public function testAFailedSaveLeavesNothingForTheNextOne(): void
    {
        $order = $this->order();
        $this->shop->observer = function (): void {
            throw new \RuntimeException('no');
        };
        try {
            $this->save($order);
        } catch (\RuntimeException $exception) {
            $this->shop->database->rollBack();
        }
        unset($this->shop->database->things['sales_order'][1]);
        $this->save($this->order(['entity_id' => null]));

        self::assertSame([true], array_column($this->shop->database->written(), 'is_new'));
    }

    /**
     * Order::registerCancellation() dispatches nothing: PayPal and denied payments call it.
     */
    public function testACancellationIsSentWithoutMagentosEvent(): void
    {
        $order = $this->savedOrder();
        $this->save($order->setData('state', 'canceled'));
        $events = array_column($this->shop->database->written(), 'event');
        $this->save($order->setData('coupon_code', 'later'));

        self::assertSame(['order_cancel_after', 'sales_order_save_after'], $events);
        self::assertSame(['sales_order_save_after'], array_column($this->shop->database->written(), 'event'));
    }

    public function testACancellationWithMagentosEventIsSentOnce(): void
    {
        $order = $this->savedOrder();
        $this->shop->dispatch('order_cancel_after', ['order' => $order]);
        $this->save($order->setData('state', 'canceled'));

        self::assertSame(
            ['order_cancel_after', 'sales_order_save_after'],
            array_column($this->shop->database->written(), 'event')
        );
    }

    public function testACancellationThatIsRevokedOrRolledBackIsNotSent(): void
    {
        $order = $this->savedOrder();
        $this->shop->database->begin();
        $this->save($order->setData('state', 'canceled'));
        $this->shop->database->rollBack();
        $this->shop->database->things['sales_order'][1]['state'] = 'new';
        $this->shop->database->begin();
        $this->save($order->setData('state', 'canceled'));
        $this->save($order->setData('state', 'new')->setData('status', 'holded'));
        $this->shop->database->commit();

        self::assertSame(['sales_order_save_after'], array_column($this->shop->database->written(), 'event'));
    }

    /**
     * A removed item stays in its cart object, and each save of the cart deletes it again.
     */
    public function testAnEntityThatIsDeletedTwiceIsSentOnce(): void
    {
        $order = $this->savedOrder();
        foreach ([1, 2] as $time) {
            $this->shop->database->begin();
            $this->shop->dispatch('sales_order_delete_before', ['order' => $order]);
            unset($this->shop->database->things['sales_order'][1]);
            $this->shop->dispatch('sales_order_delete_after', ['order' => $order]);
            $this->shop->database->commit();
        }

        self::assertSame(['sales_order_delete_after'], array_column($this->shop->database->written(), 'event'));
    }

    private function order(array $more = []): StoredModel
    {
        return new StoredModel($this->shop->database, 'sales_order', $more + [
            'increment_id' => '000000001',
            'store_id' => 1,
            'state' => 'new',
            'status' => 'pending',
            'coupon_code' => null,
            'all_items' => [new DataObject(['sku' => 'abc'])],
        ]);
    }

    private function savedOrder(): StoredModel
    {
        $order = $this->order();
        $this->save($order);
        $this->shop->database->written();

        return $order;
    }

    private function save(StoredModel $order): void
    {
        $this->shop->save($order, 'sales_order', 'order', 'sales_order');
    }
}
