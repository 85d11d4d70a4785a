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
     *
     * @param DataObject $thing
     * @param array $stored the thing's row, for the columns that a program saves it without
     * @return Snapshot|null
     */
    public function of(DataObject $thing, array $stored = []): ?Snapshot;
}
