<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;
use Magento\Sales\Api\OrderRepositoryInterface;

/**
 * The common part of invoices, credit memos and shipments: an order, and items of it.
 */
class OrderDocument
{
    private const AMOUNTS = [
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
    private const ORDER = ['increment_id', 'store_id'];
    private const ITEM = ['sku', 'name', 'price', 'qty'];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @var OrderRepositoryInterface
     */
    private $orders;

    /**
     * @param Fields $fields
     * @param OrderRepositoryInterface $orders
     */
    public function __construct(Fields $fields, OrderRepositoryInterface $orders)
    {
        $this->fields = $fields;
        $this->orders = $orders;
    }

    /**
     * Returns the store view of a document.
     */
    public function storeId(DataObject $document): ?int
    {
        return $this->fields->storeIdOf($document);
    }

    /**
     * Takes the snapshot of an invoice or a credit memo.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @param array $stored
     * @param array $more
     * @return Snapshot
     */
    public function ofAmounts(DataObject $document, array $stored, array $more = []): Snapshot
    {
        return $this->of($document, self::AMOUNTS, $stored, $more);
    }

    /**
     * Takes the snapshot of a document.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @param string[] $names
     * @param array $stored the document's row, for the columns that it does not have
     * @param array $more
     * @return Snapshot
     */
    public function of(DataObject $document, array $names, array $stored, array $more = []): Snapshot
    {
        $fields = $this->fields->of($document, $names, $stored);
        $order = $this->fields->of($this->orderOf($document, $fields['order_id']), self::ORDER);

        return new Snapshot(
            'order/' . $order['increment_id'],
            $fields + [
                'order' => $order,
                'items' => $this->items($document),
            ] + $more
        );
    }

    /**
     * Returns the order; a document that came in by REST may hold an empty one.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @param int|string|null $orderId
     * @return DataObject|\Magento\Sales\Model\Order
     */
    private function orderOf(DataObject $document, $orderId): DataObject
    {
        $order = $document->getOrder();

        return $orderId && !$order->getData('increment_id') ? $this->orders->get((int)$orderId) : $order;
    }

    /**
     * Returns the items of the document.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @return array[]
     */
    private function items(DataObject $document): array
    {
        $items = [];
        foreach ($document->getAllItems() as $item) {
            $ordered = $item->getOrderItem();
            $items[] = $this->fields->of($item, self::ITEM) + [
                'has_parent' => $ordered && ($ordered->getParentItemId() || $ordered->getParentItem()),
            ];
        }

        return $items;
    }
}
