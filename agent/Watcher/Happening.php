<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
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
        SnapshotInterface $snapshots,
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
        $storeId = $this->snapshots->storeId($data) ?? $this->surroundings->getStoreId();
        if (!$this->toggles->isOn($event, $storeId)) {
            return;
        }
        $snapshot = $this->snapshots->of($data);
        if ($snapshot === null) {
            return;
        }
        $capture = $this->captures->make($event, $storeId, $snapshot->getSubject());
        $capture->show($snapshot->getFields(), [], $snapshot->isNew());
        $this->buffer->add($capture);
    }
}
