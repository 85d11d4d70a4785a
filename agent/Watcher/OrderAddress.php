<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use Magento\Sales\Model\OrderFactory;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;
use MagentoEventBridge\Agent\State\ObjectStates;
use MagentoEventBridge\Agent\State\StoredRow;

/**
 * Captures an order of which an address was changed, unless the order's own save is captured.
 */
class OrderAddress implements WatcherInterface
{
    private const SAVE_BEFORE = 'sales_order_address_save_before';
    private const SAVE_AFTER = 'sales_order_address_save_after';
    private const ORDER_SAVED = 'sales_order_save_after';
    private const COLUMNS = ['country_id', 'region', 'street', 'city', 'postcode'];

    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var OrderFactory
     */
    private $orders;

    /**
     * @var StoredRow
     */
    private $rows;

    /**
     * @var ObjectStates
     */
    private $states;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * @param SnapshotInterface $snapshots
     * @param OrderFactory $orders
     * @param StoredRow $rows
     * @param ObjectStates $states
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     */
    public function __construct(
        SnapshotInterface $snapshots,
        OrderFactory $orders,
        StoredRow $rows,
        ObjectStates $states,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer
    ) {
        $this->snapshots = $snapshots;
        $this->orders = $orders;
        $this->rows = $rows;
        $this->states = $states;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        /** @var \Magento\Sales\Model\Order\Address $address */
        $address = $data->getData('address');
        $state = $this->states->of($address);
        if ($event === self::SAVE_BEFORE) {
            $state->before = $this->buffer->rowBefore('sales_order_address', $address, function () use ($address) {
                return $this->rows->of($address);
            });
        } elseif ($event === self::SAVE_AFTER && $state->before !== null) {
            $changes = $this->rows->changes($state->before, $address->getData(), $address, self::COLUMNS);
            if ($changes) {
                $this->capture((int)($address->getData('parent_id') ?: $state->before['parent_id']), $state->before);
            }
        }
    }

    /**
     * Captures the order; that the address changed is captured, not its former value.
     */
    private function capture(int $orderId, array $before): void
    {
        $key = self::ORDER_SAVED . '/' . $orderId;
        $capture = $this->buffer->find($key);
        if ($capture !== null && $capture->getEvent() !== self::SAVE_AFTER && !$capture->isEmpty()) {
            return;
        }
        $order = $this->load($orderId);
        $storeId = $this->snapshots->storeId($order);
        if (!$order->getId() || !$this->recorder->isOn(self::SAVE_AFTER, $storeId)) {
            return;
        }
        $snapshot = $this->snapshots->of($order);
        $capture = $capture ?? $this->recorder->capture(self::SAVE_AFTER, $storeId, $snapshot);
        $type = ($before['address_type'] ?? '') === 'shipping' ? 'shipping_address' : 'billing_address';
        $capture->show($snapshot->getFields(), [$type => null] + $capture->getOriginal());
        $capture->setTellsNothing(false);
        $this->buffer->hold($key, $capture, null, $order);
    }

    /**
     * Loads the order as the database has it: a repository may have one with the former address.
     */
    private function load(int $orderId): DataObject
    {
        return $this->orders->create()->load($orderId);
    }
}
