<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * The state of an indexer.
 */
class IndexerState implements SnapshotInterface
{
    private const FIELDS = ['indexer_id', 'status'];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @param Fields $fields
     */
    public function __construct(Fields $fields)
    {
        $this->fields = $fields;
    }

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
        return new Snapshot('indexer/' . $object->getData('indexer_id'), $this->fields->of($object, self::FIELDS, $stored));
    }
}
