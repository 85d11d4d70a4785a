<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;
use Magento\Sales\Api\OrderRepositoryInterface;
use MagentoEventBridge\Agent\Snapshot\Fields;

/**
 * Reads the additional fields of full details of an invoice, a credit memo or a shipment.
 */
class DocumentAdditions implements AdditionsInterface
{
    private const FIELDS = ['base_currency_code', 'subtotal', 'discount_amount'];
    private const ITEM = ['order_item_id', 'product_id', 'row_total', 'discount_amount', 'tax_amount'];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @var OrderAdditions
     */
    private $order;

    /**
     * @var OrderRepositoryInterface
     */
    private $orders;

    /**
     * @var ItemOptions
     */
    private $options;

    /**
     * @param Fields $fields
     * @param OrderAdditions $order
     * @param OrderRepositoryInterface $orders
     * @param ItemOptions $options
     */
    public function __construct(
        Fields $fields,
        OrderAdditions $order,
        OrderRepositoryInterface $orders,
        ItemOptions $options
    ) {
        $this->fields = $fields;
        $this->order = $order;
        $this->orders = $orders;
        $this->options = $options;
    }

    /**
     * Reads the additions of a document.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Invoice $object
     * @param array $stored
     * @return array
     */
    public function of(DataObject $object, array $stored): array
    {
        $items = [];
        foreach ($object->getAllItems() as $item) {
            $ordered = $item->getOrderItem();
            $items[] = $this->fields->of($item, self::ITEM) + [
                'item_id' => $item->getId(),
                'product_type' => $ordered ? $ordered->getProductType() : null,
                'options' => $ordered ? $this->options->of($ordered) : [],
            ];
        }
        $order = $object->getOrder();
        if (!$order->getData('increment_id')) {
            // A document that came in by REST may hold an empty order.
            $order = $this->orders->get((int)($object->getData('order_id') ?? $stored['order_id'] ?? 0));
        }

        return $this->fields->of($object, self::FIELDS, $stored) + [
            'order' => $this->order->ofBuyer($order),
            'items' => $items,
        ];
    }
}
