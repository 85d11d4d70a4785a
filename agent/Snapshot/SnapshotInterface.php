<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * Takes snapshots of one kind of thing.
 */
interface SnapshotInterface
{
    /**
     * Gives the store view that the thing belongs to; null where it belongs to none.
     */
    public function storeId(DataObject $thing): ?int;

    /**
     * Takes the snapshot; null where nothing happened that is worth telling.
     */
    public function of(DataObject $thing): ?Snapshot;
}
