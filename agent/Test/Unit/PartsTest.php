<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use Magento\Sales\Api\ShipmentRepositoryInterface;
use Magento\Sales\Model\Order\Shipment\Comment;
use Magento\Sales\Model\OrderFactory;
use MagentoEventBridge\Agent\Plugin\CaptureShipmentComment;
use MagentoEventBridge\Agent\Snapshot\CartItem;
use MagentoEventBridge\Agent\Snapshot\Fields;
use MagentoEventBridge\Agent\Snapshot\Order;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\State\StoredRow;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use MagentoEventBridge\Agent\Watcher\ObservedEvents;
use MagentoEventBridge\Agent\Watcher\OrderAddress;
use MagentoEventBridge\Agent\Watcher\ShipmentComment;
use MagentoEventBridge\Agent\Watcher\VanishedCart;
use PHPUnit\Framework\TestCase;

/**
 * Parts of an entity that change without it: addresses of orders, comments of shipments, items of carts.
 */
class PartsTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
    }

    public function testTwoChangedAddressesOfAnOrderAreSentOnceWithIt(): void
    {
        $this->watchOrders();
        $this->shop->database->begin();
        $this->saveAddress('billing', ['city' => 'Rome']);
        $this->saveAddress('shipping', ['city' => 'Milan']);
        $this->shop->database->commit();
        $written = $this->shop->database->written();

        self::assertSame(['sales_order_address_save_after'], array_column($written, 'event'));
        self::assertSame(['shipping_address' => null, 'billing_address' => null], $written[0]['original']);
        self::assertSame('Milan', $written[0]['snapshot']['shipping_address']['city']);
        self::assertSame('order/000000001', $written[0]['subject']);
        self::assertFalse($written[0]['is_new']);
    }

    public function testAnAddressIsSentThoughItsOrderWasChangedBack(): void
    {
        $this->watchOrders();
        $order = $this->order();
        $this->shop->database->begin();
        foreach (['holded', 'pending'] as $status) {
            $this->shop->save($order->setData('status', $status), 'sales_order', 'order', 'sales_order');
        }
        $this->saveAddress('billing', ['city' => 'Rome']);
        $this->shop->database->commit();
        $written = $this->shop->database->written();

        self::assertCount(1, $written);
        self::assertSame(['billing_address' => null], $written[0]['original']);
        self::assertSame('Rome', $written[0]['snapshot']['billing_address']['city']);
    }

    public function testAnAddressThatDidNotChangeIsNotSent(): void
    {
        $this->watchOrders();
        $this->saveAddress('billing', ['city' => 'Turin', 'email' => 'new@example.com']);

        self::assertSame([], $this->shop->database->written());
    }

    public function testANewAddressIsPartOfItsOrder(): void
    {
        $this->watchOrders();
        unset($this->shop->database->things['sales_order_address']);
        $this->saveAddress('billing', ['entity_id' => null, 'city' => 'Rome']);

        self::assertSame([], $this->shop->database->written());
    }

    public function testAnAddressAndItsOrderAreSentOnceWhicheverIsSavedFirst(): void
    {
        $this->watchOrders();
        foreach ([true, false] as $isAddressFirst) {
            $order = $this->order()->setData('status', $isAddressFirst ? 'holded' : 'pending');
            $this->shop->database->begin();
            if ($isAddressFirst) {
                $this->saveAddress('billing', ['city' => 'Rome']);
            }
            $this->shop->save($order, 'sales_order', 'order', 'sales_order');
            if (!$isAddressFirst) {
                $this->saveAddress('billing', ['city' => 'Turin']);
            }
            $this->shop->database->commit();
            $written = $this->shop->database->written();

            self::assertCount(1, $written);
            self::assertArrayHasKey('status', $written[0]['original']);
        }
    }

    public function testACommentThatIsAddedLaterIsSentWithItsShipment(): void
    {
        $shipment = new DataObject(['entity_id' => 4, 'store_id' => 1]);
        $shipments = new class ($shipment) implements ShipmentRepositoryInterface {
            private $shipment;

            public function __construct($shipment)
            {
                $this->shipment = $shipment;
            }

            public function get($id)
            {
                return $this->shipment;
            }
        };
        $snapshots = $this->createMock(SnapshotInterface::class);
        $snapshots->method('storeId')->willReturn(1);
        $snapshots->method('of')->willReturn(
            new \MagentoEventBridge\Agent\Snapshot\Snapshot('order/1', ['comments' => [['comment' => 'later']]])
        );
        $watcher = new ShipmentComment($snapshots, $shipments, $this->shop->recorder, $this->shop->buffer);
        $plugin = new CaptureShipmentComment($this->shop->gateTo([ShipmentComment::class => $watcher]));
        $comment = new Comment(['parent_id' => '4']);
        $this->shop->database->begin();
        self::assertSame($comment, $plugin->afterAfterSave($comment, $comment));
        self::assertSame($comment, $plugin->afterAfterDelete($comment, $comment));
        $this->shop->database->commit();
        $written = $this->shop->database->written();

        self::assertSame(['plugin:shipment_comment.save'], array_column($written, 'event'));
        self::assertSame(['later'], array_column($written[0]['snapshot']['comments'], 'comment'));
    }

    /**
     * The storefront deletes the cart of a guest who logs in; GraphQL closes it.
     *
     * @testWith ["sales_quote_delete_before", 1, 1]
     *           ["sales_quote_save_after", 0, 1]
     *           ["sales_quote_save_after", 1, 0]
     */
    public function testTheItemsOfAMergedCartAreRemovedFromIt(string $event, int $isActive, int $expected): void
    {
        $cart = $this->watchCart($isActive);
        $this->shop->dispatch('sales_quote_merge_after', ['quote' => new DataObject(), 'source' => $cart]);
        $this->shop->dispatch($event, ['quote' => $cart]);
        $written = $this->shop->database->written();

        self::assertSame(array_fill(0, $expected, 'cart/7'), array_column($written, 'subject'));
        if ($expected) {
            self::assertSame('sales_quote_item_delete_after', $written[0]['event']);
            self::assertSame([2, 'abc'], [$written[0]['snapshot']['qty'], $written[0]['snapshot']['sku']]);
        }
    }

    public function testACartThatBecameAnOrderOrIsCleanedUpKeepsItsItems(): void
    {
        $cart = $this->watchCart(0);
        $this->shop->dispatch('sales_quote_save_after', ['quote' => $cart]);
        foreach (['crontab', 'adminhtml'] as $area) {
            $this->shop->state->area = $area;
            $this->shop->dispatch('sales_quote_delete_before', ['quote' => $cart]);
        }

        self::assertSame([], $this->shop->database->written());
    }

    private function watchCart(int $isActive): DataObject
    {
        $watcher = new VanishedCart(
            new CartItem(new Fields(), $this->shop->states),
            $this->shop->states,
            $this->shop->execution,
            $this->shop->recorder,
            $this->shop->buffer,
            new ObservedEvents($this->shop->observers)
        );
        foreach (['sales_quote_merge_after', 'sales_quote_save_after', 'sales_quote_delete_before'] as $event) {
            $this->shop->watchers[$event] = $watcher;
        }
        $item = new DataObject(['id' => 3, 'quote_id' => 7, 'sku' => 'abc', 'qty' => 2, 'store_id' => 1]);
        $unsaved = new DataObject(['quote_id' => 7, 'sku' => 'new', 'qty' => 1, 'store_id' => 1]);

        return new DataObject(['is_active' => $isActive, 'all_visible_items' => [$item, $unsaved]]);
    }

    private function watchOrders(): void
    {
        $snapshots = new Order(new Fields());
        $this->shop->watch($snapshots, 'sales_order', 'order');
        $orders = new OrderFactory();
        $orders->load = function (): StoredModel {
            return $this->order();
        };
        $watcher = new OrderAddress(
            $snapshots,
            $orders,
            new StoredRow(),
            $this->shop->states,
            $this->shop->recorder,
            $this->shop->buffer
        );
        $this->shop->watchers['sales_order_address_save_before'] = $watcher;
        $this->shop->watchers['sales_order_address_save_after'] = $watcher;
        $row = ['entity_id' => 1, 'increment_id' => '000000001', 'store_id' => 1, 'status' => 'pending'];
        $this->shop->database->things['sales_order'] = [1 => $row];
        foreach ([1 => 'billing', 2 => 'shipping'] as $id => $type) {
            $address = ['entity_id' => $id, 'parent_id' => 1, 'address_type' => $type, 'city' => 'Turin', 'email' => 'x'];
            $this->shop->database->things['sales_order_address'][$id] = $address;
        }
    }

    private function order(): StoredModel
    {
        $order = $this->shop->database->things['sales_order'][1];
        foreach ($this->shop->database->things['sales_order_address'] ?? [] as $address) {
            $order[$address['address_type'] . '_address'] = new DataObject($address);
        }

        return new StoredModel($this->shop->database, 'sales_order', $order);
    }

    private function saveAddress(string $type, array $values): void
    {
        $data = $values + ['entity_id' => $type === 'billing' ? 1 : 2, 'parent_id' => 1, 'address_type' => $type];
        $address = new StoredModel($this->shop->database, 'sales_order_address', $data);
        $this->shop->save($address, 'sales_order_address', 'address', 'sales_order_address');
    }
}
