<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\State\ObjectStates;

/**
 * A cart item, and the quantity that was just added.
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
    private $states;

    /**
     * @param Fields $fields
     * @param ObjectStates $states
     */
    public function __construct(Fields $fields, ObjectStates $states)
    {
        $this->fields = $fields;
        $this->states = $states;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->fields->storeIdOf($object);
    }

    /**
     * Takes the snapshot of a cart item.
     *
     * @param DataObject|\Magento\Quote\Model\Quote\Item $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return new Snapshot('cart/' . $object->getQuoteId(), $this->fields->of($object, self::FIELDS, $stored) + [
            'has_parent' => (bool)($object->getParentItemId() ?: $object->getParentItem()),
            'added_qty' => $this->states->of($object)->added,
        ]);
    }
}
