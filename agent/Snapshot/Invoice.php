<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * An invoice with its items and the billing address.
 */
class Invoice implements SnapshotInterface
{
    /**
     * @var OrderDocument
     */
    private $document;

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @param OrderDocument $document
     * @param Fields $fields
     */
    public function __construct(OrderDocument $document, Fields $fields)
    {
        $this->document = $document;
        $this->fields = $fields;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->document->storeId($object);
    }

    /**
     * Takes the snapshot of an invoice.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return $this->document->ofAmounts($object, $stored, [
            'billing_address' => $this->fields->ofAddress($object->getBillingAddress()),
        ]);
    }
}
