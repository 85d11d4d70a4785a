<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A flushed cache; the event's name says which.
 */
class CacheFlush implements SnapshotInterface
{
    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return null;
    }

    /**
     * @inheritdoc
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return new Snapshot('cache', []);
    }
}
