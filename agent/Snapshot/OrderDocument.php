<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * What invoices, credit memos and shipments share: an order, and lines of it.
 */
class OrderDocument
{
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
        return $document->getStoreId() === null ? null : (int)$document->getStoreId();
    }

    /**
     * Takes the snapshot of the document.
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
