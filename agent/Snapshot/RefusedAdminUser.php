<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * The name with which somebody tried to log in to the admin.
 */
class RefusedAdminUser implements SnapshotInterface
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
        $name = (string)$object->getData('user_name');

        return new Snapshot('user/' . $name, ['username' => $name]);
    }
}
