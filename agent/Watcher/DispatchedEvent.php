<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Captures an event without a stored entity: a login, a flushed cache.
 */
class DispatchedEvent implements WatcherInterface
{
    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @param SnapshotInterface $snapshots
     * @param CaptureRecorder $recorder
     */
    public function __construct(SnapshotInterface $snapshots, CaptureRecorder $recorder)
    {
        $this->snapshots = $snapshots;
        $this->recorder = $recorder;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        $storeId = $this->snapshots->storeId($data);
        $snapshot = $this->recorder->isOn($event, $storeId) ? $this->snapshots->of($data) : null;
        if ($snapshot !== null) {
            $this->recorder->record($event, $storeId, $snapshot);
        }
    }
}
