<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * Takes snapshots of one kind of object.
 */
interface SnapshotInterface
{
    /**
     * Returns the store view that the object belongs to; null where it belongs to none.
     */
    public function storeId(DataObject $object): ?int;

    /**
     * Takes the snapshot; null if there is nothing to capture.
     *
     * @param DataObject $object
     * @param array $stored the object's row, for the columns that a program saves it without
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot;
}
