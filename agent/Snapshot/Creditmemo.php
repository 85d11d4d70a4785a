<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A credit memo with its lines.
 */
class Creditmemo implements SnapshotInterface
{
    private const FIELDS = [
        'entity_id',
        'increment_id',
        'state',
        'store_id',
        'order_id',
        'order_currency_code',
        'shipping_amount',
        'tax_amount',
        'grand_total',
        'created_at',
        'updated_at',
    ];

    /**
     * @var OrderDocument
     */
    private $document;

    public function __construct(OrderDocument $document)
    {
        $this->document = $document;
    }

    public function storeId(DataObject $thing): ?int
    {
        return $this->document->storeId($thing);
    }

    /**
     * Takes the snapshot of a credit memo.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Creditmemo $thing
     * @return Snapshot|null
     */
    public function of(DataObject $thing): ?Snapshot
    {
        return $this->document->of($thing, self::FIELDS);
    }
}
