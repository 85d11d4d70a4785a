<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * What invoices, credit memos and shipments share: an order, and lines of it.
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

    public function __construct(Fields $fields)
    {
        $this->fields = $fields;
    }

    public function storeId(DataObject $document): ?int
    {
        return $this->fields->storeIdOf($document);
    }

    /**
     * Takes the snapshot of a document that is about money: an invoice, a credit memo.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @param array $more
     * @return Snapshot
     */
    public function ofAmounts(DataObject $document, array $more = []): Snapshot
    {
        return $this->of($document, self::AMOUNTS, $more);
    }

    /**
     * Takes the snapshot of a document.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $document
     * @param string[] $names
     * @param array $more
     * @return Snapshot
     */
    public function of(DataObject $document, array $names, array $more = []): Snapshot
    {
        $order = $document->getOrder();

        return new Snapshot(
            'order/' . $order->getIncrementId(),
            $this->fields->of($document, $names) + [
                'order' => $this->fields->of($order, self::ORDER),
                'items' => $this->items($document),
            ] + $more
        );
    }

    /**
     * Gives the lines of the document.
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
