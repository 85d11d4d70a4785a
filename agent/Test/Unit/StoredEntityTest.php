<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\DataObject;
use Magento\Sales\Model\ResourceModel\Order\Shipment\Comment\CollectionFactory as Comments;
use Magento\Sales\Model\ResourceModel\Order\Shipment\Track\CollectionFactory as Tracks;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Snapshot\CartItem;
use MagentoEventBridge\Agent\Snapshot\Creditmemo;
use MagentoEventBridge\Agent\Snapshot\Fields;
use MagentoEventBridge\Agent\Snapshot\Order;
use MagentoEventBridge\Agent\Snapshot\OrderDocument;
use MagentoEventBridge\Agent\Snapshot\Shipment;
use MagentoEventBridge\Agent\Snapshot\Subscriber;
use MagentoEventBridge\Agent\Test\Doubles\Orders;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\StoredModel;
use MagentoEventBridge\Agent\Watcher\CartAddition;
use MagentoEventBridge\Agent\Watcher\ShipmentTrack;
use PHPUnit\Framework\TestCase;

class StoredEntityTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    protected function setUp(): void
    {
        $this->shop = (new Shop())->switchOn();
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order');
    }

    public function testANewOrderIsPlacedAndCreatedWithTheStateThatWasSaved(): void
    {
        $order = $this->newOrder();
        $this->shop->dispatch('sales_order_place_after', ['order' => $order]);
        self::assertSame([], $this->shop->database->written());
        $order->setData('status', 'processing');
        $this->save($order);

        $written = $this->shop->database->written();
        self::assertSame(['sales_order_place_after', 'sales_order_save_after'], array_column($written, 'event'));
        self::assertSame([true, true], array_column($written, 'is_new'));
        self::assertSame('processing', $written[0]['snapshot']['status']);
        self::assertSame('order/000000001', $written[0]['subject']);
    }

    /**
     * Adobe Commerce can accept an order first, as a row without a state, and place it later.
     */
    public function testAnOrderAcceptedBeforeItIsPlacedIsCreatedWhenItGetsAState(): void
    {
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order', ['createdWith' => 'state']);
        $row = ['entity_id' => 1, 'increment_id' => '000000001', 'store_id' => 1, 'state' => null, 'status' => 'received'];
        $this->shop->database->things['sales_order'][1] = $row;
        $order = new StoredModel($this->shop->database, 'sales_order', ['state' => 'new', 'status' => 'pending'] + $row);
        $this->save($order);
        $order->setData('status', 'processing');
        $this->save($order);

        $written = $this->shop->database->written();
        self::assertSame(['sales_order_save_after', 'sales_order_save_after'], array_column($written, 'event'));
        self::assertSame([true, false], array_column($written, 'is_new'));
    }

    /**
     * An order that was accepted and is then rejected gets its first state with this; it is not canceled beside that.
     */
    public function testAnOrderRejectedBeforeItIsPlacedIsCreatedWithThatStateAndNothingElse(): void
    {
        $implied = ['order_cancel_after' => ['state' => 'canceled']];
        $options = ['createdWith' => 'state', 'implied' => $implied];
        $this->shop->watch(new Order(new Fields()), 'sales_order', 'order', $options);
        $row = ['entity_id' => 1, 'increment_id' => '000000001', 'store_id' => 1, 'state' => null, 'status' => 'received'];
        $this->shop->database->things['sales_order'][1] = $row;
        $new = ['state' => 'canceled', 'status' => 'rejected'] + $row;
        $this->save(new StoredModel($this->shop->database, 'sales_order', $new));

        $written = $this->shop->database->written();
        self::assertSame(['sales_order_save_after'], array_column($written, 'event'));
        self::assertSame([true, 'rejected'], [$written[0]['is_new'], $written[0]['snapshot']['status']]);
    }

    public function testOneTransactionSendsAnOrderOnceWithItsLastState(): void
    {
        $order = $this->savedOrder();
        $this->shop->database->begin();
        foreach (['holded', 'processing', 'complete'] as $status) {
            $order->setData('status', $status);
            $this->save($order);
        }
        $this->shop->database->commit();

        $written = $this->shop->database->written();
        self::assertCount(1, $written);
        self::assertFalse($written[0]['is_new']);
        self::assertSame('complete', $written[0]['snapshot']['status']);
        self::assertSame(['status' => 'pending'], $written[0]['original']);
    }

    public function testAnOrderSavedByTwoObjectsInOneTransactionIsSentOnceAsChanged(): void
    {
        $order = $this->savedOrder();
        $another = new StoredModel($this->shop->database, 'sales_order', $order->getData());
        $this->shop->database->begin();
        $order->setData('status', 'processing');
        $this->save($order);
        $another->setData('status', 'complete');
        $this->save($another);
        $this->shop->database->commit();

        $written = $this->shop->database->written();
        self::assertCount(1, $written);
        self::assertFalse($written[0]['is_new']);
        self::assertSame('complete', $written[0]['snapshot']['status']);
        self::assertSame(['status' => 'pending'], $written[0]['original']);
    }

    public function testAnOrderThatAProgramSavesInPartIsSentWhole(): void
    {
        $id = $this->savedOrder()->getId();
        $this->save(new StoredModel($this->shop->database, 'sales_order', ['entity_id' => $id, 'status' => 'complete']));

        $written = $this->shop->database->written()[0];
        self::assertSame('order/000000001', $written['subject']);
        self::assertSame(1, $written['store_id']);
        self::assertSame(['000000001', 'complete'], [
            $written['snapshot']['increment_id'],
            $written['snapshot']['status'],
        ]);
        self::assertSame(['status' => 'pending'], $written['original']);
    }

    public function testACreditMemoWithAnEmptyOrderIsSentWithItsOwn(): void
    {
        $this->savedOrder();
        $documents = new OrderDocument(new Fields(), new Orders($this->shop->database));
        $this->shop->watch(new Creditmemo($documents), 'sales_order_creditmemo', 'creditmemo');
        $memo = new StoredModel($this->shop->database, 'sales_creditmemo', [
            'store_id' => 2,
            'order_id' => 1,
            'order' => new DataObject(),
        ]);
        $this->shop->save($memo, 'sales_order_creditmemo', 'creditmemo', 'sales_creditmemo');

        $written = $this->shop->database->written()[0];
        self::assertSame('order/000000001', $written['subject']);
        self::assertSame('000000001', $written['snapshot']['order']['increment_id']);
    }

    public function testANewOrderSavedAgainInItsTransactionIsStillNewAndSentOnce(): void
    {
        $order = $this->newOrder();
        $this->shop->database->begin();
        $this->save($order);
        $order->setData('status', 'processing');
        $this->save($order);
        $this->shop->database->commit();

        $written = $this->shop->database->written();
        self::assertCount(1, $written);
        self::assertTrue($written[0]['is_new']);
        self::assertSame('processing', $written[0]['snapshot']['status']);
    }

    public function testASaveThatChangedNothingIsNotSent(): void
    {
        $order = $this->savedOrder();
        // A decimal is a string of what was loaded and a number of what was counted.
        $order->setData('grand_total', 10.0)->setData('updated_at', 'later')->setData('coupon_code', '');
        $this->save($order);

        self::assertSame([], $this->shop->database->written());
    }

    public function testWhatIsChangedBackInItsTransactionIsNotSent(): void
    {
        $order = $this->savedOrder();
        $this->shop->database->begin();
        $order->setData('status', 'holded');
        $this->save($order);
        $order->setData('status', 'pending');
        $this->save($order);
        $this->shop->database->commit();

        self::assertSame([], $this->shop->database->written());
    }

    public function testTheSameObjectSavedInTwoTransactionsIsComparedWithWhatWasLastSaved(): void
    {
        $order = $this->savedOrder();
        foreach (['holded', 'holded', 'pending'] as $status) {
            $order->setData('status', $status);
            $this->save($order);
        }

        self::assertSame(
            [['status' => 'pending'], ['status' => 'holded']],
            array_column($this->shop->database->written(), 'original')
        );
    }

    public function testWhatWasAnnouncedSurvivesARollBackAndIsSentWithTheNextSave(): void
    {
        $order = $this->savedOrder();
        $order->setData('status', 'canceled');
        $this->shop->dispatch('order_cancel_after', ['order' => $order]);
        $this->shop->database->begin();
        $this->shop->dispatch('sales_order_save_before', ['order' => $order]);
        $this->shop->dispatch('sales_order_save_after', ['order' => $order]);
        $this->shop->database->rollBack();
        self::assertSame([], $this->shop->database->written());
        $this->save($order);
        self::assertSame(
            ['order_cancel_after', 'sales_order_save_after'],
            array_column($this->shop->database->written(), 'event')
        );
        $order->setData('status', 'closed');
        $this->save($order);
        self::assertSame(['sales_order_save_after'], array_column($this->shop->database->written(), 'event'));
    }

    public function testAFormerValueThatMayNotBeSentIsNotSent(): void
    {
        $order = $this->savedOrder(['customer_note' => 'secret']);
        $order->setData('customer_note', 'other');
        $this->save($order);

        self::assertSame(['customer_note' => null], $this->shop->database->written()[0]['original']);
    }

    public function testASwitchedOffEventCostsNoStatement(): void
    {
        $order = $this->savedOrder();
        $this->shop->settings->values['aws_eventbridge/events_order/saved@1'] = '0';
        $this->shop->database->statements = [];
        $order->setData('status', 'holded');
        $this->save($order);

        self::assertSame([], $this->shop->database->written());
        self::assertSame([], $this->shop->database->statements);
    }

    public function testADeletedOrderHasWhatItHad(): void
    {
        $order = $this->savedOrder();
        $order->setData('status', 'changed in memory only');
        $this->shop->database->begin();
        $this->shop->dispatch('sales_order_delete_before', ['order' => $order]);
        $order->setData('all_items', []);
        $this->shop->dispatch('sales_order_delete_after', ['order' => $order]);
        $this->shop->database->commit();

        $written = $this->shop->database->written();
        self::assertSame('pending', $written[0]['snapshot']['status']);
        self::assertSame(['abc', 'abc'], array_column($written[0]['snapshot']['items'], 'sku'));
    }

    public function testASnapshotHoldsOnlyAllowedFields(): void
    {
        $this->savedOrder(['password_hash' => 'x', 'protect_code' => 'y'], true);
        $snapshot = $this->shop->database->written()[0]['snapshot'];

        self::assertArrayNotHasKey('password_hash', $snapshot);
        self::assertArrayNotHasKey('protect_code', $snapshot);
        self::assertSame([false, true], array_column($snapshot['items'], 'has_parent'));
        self::assertSame(['via di test'], $snapshot['billing_address']['street']);
        self::assertNull($snapshot['shipping_address']);
    }

    public function testALineOfACartSendsHowManyWereAddedAndHowManyThereWere(): void
    {
        $this->watchCarts();
        $line = new StoredModel($this->shop->database, 'quote_item', ['quote_id' => 7, 'store_id' => 1, 'qty' => 2.0]);
        $this->shop->database->things['quote_item'] = [];
        foreach ([1, 1] as $quantity) {
            $line->setData('qty_to_add', $quantity);
            $this->shop->dispatch('sales_quote_product_add_after', ['items' => [$line]]);
        }
        $this->saveLine($line);
        $line->setData('qty', '2.0000');
        $this->saveLine($line);
        $line->setData('qty', 5);
        $this->saveLine($line);

        $written = $this->shop->database->written();
        self::assertSame([true, false], array_column($written, 'is_new'));
        self::assertSame([2, null], array_column(array_column($written, 'snapshot'), 'added_qty'));
        self::assertEquals(['qty' => '2.0000'], $written[1]['original']);
        self::assertSame('cart/7', $written[0]['subject']);
    }

    public function testACartInTheAdminIsNobodys(): void
    {
        $this->watchCarts();
        $this->shop->state->area = 'adminhtml';
        $this->shop->database->things['quote_item'] = [];
        $this->saveLine(new StoredModel($this->shop->database, 'quote_item', ['quote_id' => 7, 'store_id' => 1, 'qty' => 2]));

        self::assertSame([], $this->shop->database->written());
    }

    public function testAShipmentIsSentOnceWithTheTracksSavedAfterIt(): void
    {
        $tracks = new Tracks();
        $snapshots = new Shipment(new OrderDocument(new Fields(), new Orders($this->shop->database)), new Fields(), $tracks, new Comments());
        $this->shop->watch($snapshots, 'sales_order_shipment', 'shipment', ['hasPartsSavedLater' => true]);
        $watcher = new ShipmentTrack($snapshots, $this->shop->recorder, $this->shop->buffer);
        $this->shop->watchers['sales_order_shipment_track_save_after'] = $watcher;
        $this->shop->watchers['sales_order_shipment_track_delete_after'] = $watcher;
        $shipment = new StoredModel($this->shop->database, 'sales_shipment', [
            'store_id' => 1,
            'order' => new DataObject(['increment_id' => '000000001']),
        ]);
        $this->shop->database->begin();
        $this->shop->save($shipment, 'sales_order_shipment', 'shipment', 'sales_shipment');
        $track = new DataObject(['parent_id' => $shipment->getId(), 'shipment' => $shipment]);
        $tracks->rows = [['title' => 'DHL', 'track_number' => '1']];
        $this->shop->dispatch('sales_order_shipment_track_save_after', ['track' => $track]);
        $this->shop->database->commit();
        $together = $this->shop->database->written();

        $this->shop->database->begin();
        $this->shop->dispatch('sales_order_shipment_track_delete_after', ['track' => $track]);
        $tracks->rows = [];
        $this->shop->database->commit();
        $alone = $this->shop->database->written();

        self::assertSame(['sales_order_shipment_save_after'], array_column($together, 'event'));
        self::assertSame(['1'], array_column($together[0]['snapshot']['tracks'], 'track_number'));
        self::assertSame(['sales_order_shipment_track_delete_after'], array_column($alone, 'event'));
        self::assertSame([], $alone[0]['snapshot']['tracks']);
        self::assertSame('order/000000001', $alone[0]['subject']);
    }

    private function watchCarts(): void
    {
        $this->shop->watch(new CartItem(new Fields(), $this->shop->states), 'sales_quote_item', 'item', [
            'watched' => ['qty'],
            'exceptAreas' => ['adminhtml'],
        ]);
        $this->shop->watchers['sales_quote_product_add_after'] = new CartAddition($this->shop->states);
    }

    private function newOrder(array $more = []): StoredModel
    {
        $whole = new DataObject(['sku' => 'abc']);
        $part = new DataObject(['sku' => 'abc', 'parent_item' => $whole]);

        return new StoredModel($this->shop->database, 'sales_order', [
            'increment_id' => '000000001',
            'store_id' => 1,
            'status' => 'pending',
            'coupon_code' => null,
            'grand_total' => '10.0000',
            'updated_at' => 'now',
            'all_items' => [$whole, $part],
            'billing_address' => new DataObject(['country_id' => 'IT', 'street' => ['via di test']]),
        ] + $more);
    }

    private function savedOrder(array $more = [], bool $isTold = false): StoredModel
    {
        $order = $this->newOrder($more);
        $this->save($order);
        if (!$isTold) {
            $this->shop->database->written();
        }

        return $order;
    }

    private function save(StoredModel $order): void
    {
        $this->shop->save($order, 'sales_order', 'order', 'sales_order');
    }

    private function saveLine(StoredModel $line): void
    {
        $this->shop->save($line, 'sales_quote_item', 'item', 'quote_item');
    }

    public function testALinkThatMagentoCannotCreateCostsTheLinkOnly(): void
    {
        $shop = (new Shop())->switchOn();
        $shop->watch(new Subscriber(new Fields(), new Fence($shop->log)), 'newsletter_subscriber', 'subscriber');
        $subscriber = new class ($shop->database, 'newsletter_subscriber', ['store_id' => 1]) extends StoredModel {
            public function getUnsubscriptionLink(): string
            {
                throw new \UnexpectedValueException('no version of static files');
            }
        };
        $shop->save($subscriber, 'newsletter_subscriber', 'subscriber', 'newsletter_subscriber');

        list($capture) = $shop->database->written();
        self::assertSame('newsletter_subscriber_save_after', $capture['event']);
        self::assertNull($capture['snapshot']['unsubscription_link']);
        self::assertStringContainsString('no version of static files', $shop->log->lines[0]);
    }
}
