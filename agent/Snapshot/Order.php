<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * An order with its items and addresses.
 */
class Order implements SnapshotInterface
{
    private const FIELDS = [
        'entity_id',
        'increment_id',
        'state',
        'status',
        'store_id',
        'coupon_code',
        'order_currency_code',
        'shipping_amount',
        'tax_amount',
        'grand_total',
        'created_at',
        'updated_at',
    ];
    private const ITEM = ['sku', 'name', 'price', 'qty_ordered'];

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
        return $this->fields->storeIdOf($object);
    }

    /**
     * Takes the snapshot of an order.
     *
     * @param DataObject|\Magento\Sales\Model\Order $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        $items = [];
        foreach ($object->getAllItems() as $item) {
            $items[] = $this->fields->of($item, self::ITEM) + [
                'has_parent' => (bool)($item->getParentItemId() ?: $item->getParentItem()),
            ];
        }

        $fields = $this->fields->of($object, self::FIELDS, $stored);

        return new Snapshot('order/' . $fields['increment_id'], $fields + [
            'items' => $items,
            'billing_address' => $this->fields->ofAddress($object->getBillingAddress()),
            'shipping_address' => $this->fields->ofAddress($object->getShippingAddress()),
        ]);
    }
}
