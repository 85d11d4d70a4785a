<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Tells of an event that is whole in itself: a login, a flushed cache.
 */
class Happening implements WatcherInterface
{
    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var CaptureRecorder
     */
    private $teller;

    public function __construct(SnapshotInterface $snapshots, CaptureRecorder $teller)
    {
        $this->snapshots = $snapshots;
        $this->teller = $teller;
    }

    public function on(string $event, DataObject $data): void
    {
        $storeId = $this->snapshots->storeId($data);
        $snapshot = $this->teller->isOn($event, $storeId) ? $this->snapshots->of($data) : null;
        if ($snapshot !== null) {
            $this->teller->tell($event, $storeId, $snapshot);
        }
    }
}
