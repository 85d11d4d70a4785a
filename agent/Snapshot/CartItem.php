<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Memory\ObjectStates;

/**
 * A line of a cart, and how many were just added to it.
 */
class CartItem implements SnapshotInterface
{
    private const FIELDS = [
        'item_id',
        'quote_id',
        'product_id',
        'product_type',
        'sku',
        'name',
        'qty',
        'price',
        'store_id',
    ];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @var ObjectStates
     */
    private $notes;

    public function __construct(Fields $fields, ObjectStates $notes)
    {
        $this->fields = $fields;
        $this->notes = $notes;
    }

    public function storeId(DataObject $thing): ?int
    {
        return $this->fields->storeIdOf($thing);
    }

    /**
     * Takes the snapshot of a cart's line.
     *
     * @param DataObject|\Magento\Quote\Model\Quote\Item $thing
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $thing, array $stored = []): ?Snapshot
    {
        return new Snapshot('cart/' . $thing->getQuoteId(), $this->fields->of($thing, self::FIELDS, $stored) + [
            'has_parent' => (bool)($thing->getParentItemId() ?: $thing->getParentItem()),
            'added_qty' => $this->notes->of($thing)->added,
        ]);
    }
}
