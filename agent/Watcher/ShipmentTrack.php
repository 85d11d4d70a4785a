<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\Shipment;

/**
 * Tells of a shipment whose track was added or taken away, unless its own save tells of it.
 */
class ShipmentTrack implements WatcherInterface
{
    private const SHIPMENT_SAVED = 'sales_order_shipment_save_after';

    /**
     * @var Shipment
     */
    private $snapshots;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var Toggles
     */
    private $toggles;

    /**
     * @var Captures
     */
    private $captures;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    public function __construct(
        Shipment $snapshots,
        Surroundings $surroundings,
        Toggles $toggles,
        Captures $captures,
        TransactionBuffer $buffer
    ) {
        $this->snapshots = $snapshots;
        $this->surroundings = $surroundings;
        $this->toggles = $toggles;
        $this->captures = $captures;
        $this->buffer = $buffer;
    }

    public function on(string $event, DataObject $data): void
    {
        /** @var \Magento\Sales\Model\Order\Shipment\Track $track */
        $track = $data->getData('track');
        $key = self::SHIPMENT_SAVED . '/' . $track->getParentId();
        if ($this->buffer->find($key) !== null) {
            return;
        }
        $shipment = $track->getShipment();
        $storeId = $this->snapshots->storeId($shipment) ?? $this->surroundings->getStoreId();
        if (!$this->toggles->isOn($event, $storeId)) {
            return;
        }
        $snapshot = $this->snapshots->of($shipment);
        if ($snapshot === null) {
            return;
        }
        $capture = $this->captures->make($event, $storeId, $snapshot->getSubject());
        $capture->show($snapshot->getFields());
        $capture->setLastLook(function () use ($shipment): array {
            return $this->snapshots->of($shipment)->getFields();
        });
        $this->buffer->hold($key, $capture);
    }
}
