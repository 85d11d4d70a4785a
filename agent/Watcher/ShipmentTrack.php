<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Captures a shipment whose track was added or removed, unless its own save is captured.
 */
class ShipmentTrack implements WatcherInterface
{
    private const SHIPMENT_SAVED = 'sales_order_shipment_save_after';

    /**
     * @var SnapshotInterface
     */
    private $snapshots;

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
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     */
    public function __construct(
        SnapshotInterface $snapshots,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer
    ) {
        $this->snapshots = $snapshots;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        /** @var \Magento\Sales\Model\Order\Shipment\Track $track */
        $track = $data->getData('track');
        $key = self::SHIPMENT_SAVED . '/' . $track->getParentId();
        if ($this->buffer->find($key) !== null) {
            return;
        }
        $shipment = $track->getShipment();
        $storeId = $this->snapshots->storeId($shipment);
        if (!$this->recorder->isOn($event, $storeId)) {
            return;
        }
        $capture = $this->recorder->capture($event, $storeId, $this->snapshots->of($shipment));
        $capture->setRefresher(function () use ($shipment): array {
            return $this->snapshots->of($shipment)->getFields();
        });
        $this->buffer->hold($key, $capture, null, $shipment);
    }
}
