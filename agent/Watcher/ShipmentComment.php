<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Sales\Api\ShipmentRepositoryInterface;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Captures a shipment to which a comment was added, unless its own save is captured.
 */
class ShipmentComment
{
    public const SAVED = 'plugin:shipment_comment.save';

    private const SHIPMENT_SAVED = 'sales_order_shipment_save_after';

    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var ShipmentRepositoryInterface
     */
    private $shipments;

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
     * @param ShipmentRepositoryInterface $shipments
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     */
    public function __construct(
        SnapshotInterface $snapshots,
        ShipmentRepositoryInterface $shipments,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer
    ) {
        $this->snapshots = $snapshots;
        $this->shipments = $shipments;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
    }

    /**
     * Captures the shipment of a comment that was saved or deleted.
     */
    public function saved(int $shipmentId): void
    {
        if ($this->buffer->find(self::SHIPMENT_SAVED . '/' . $shipmentId) !== null) {
            return;
        }
        $shipment = $this->shipments->get($shipmentId);
        $storeId = $this->snapshots->storeId($shipment);
        if (!$this->recorder->isOn(self::SAVED, $storeId)) {
            return;
        }
        $capture = $this->recorder->capture(self::SAVED, $storeId, $this->snapshots->of($shipment));
        // A track that is saved in the same transaction has the same snapshot.
        $capture->setRefresher(function () use ($shipment): array {
            return $this->snapshots->of($shipment)->getFields();
        });
        $this->buffer->hold(self::SHIPMENT_SAVED . '/' . $shipmentId, $capture, null, $shipment);
    }
}
