<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A credit memo with its items.
 */
class Creditmemo implements SnapshotInterface
{
    /**
     * @var OrderDocument
     */
    private $document;

    /**
     * @param OrderDocument $document
     */
    public function __construct(OrderDocument $document)
    {
        $this->document = $document;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->document->storeId($object);
    }

    /**
     * Takes the snapshot of a credit memo.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Creditmemo $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return $this->document->ofAmounts($object, $stored);
    }
}
