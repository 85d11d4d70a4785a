<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\Fields;

/**
 * Reads the additional fields of full details of an order: money, customer, payment, items.
 */
class OrderAdditions implements AdditionsInterface
{
    private const FIELDS = [
        'quote_id',
        'base_currency_code',
        'subtotal',
        'discount_amount',
        'total_paid',
        'total_refunded',
        'total_due',
    ];
    private const BUYER = [
        'customer_id',
        'customer_email',
        'customer_group_id',
        'customer_is_guest',
        'shipping_method',
    ];
    private const ITEM = ['item_id', 'product_id', 'product_type', 'row_total', 'discount_amount', 'tax_amount'];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @var ItemOptions
     */
    private $options;

    /**
     * @param Fields $fields
     * @param ItemOptions $options
     */
    public function __construct(Fields $fields, ItemOptions $options)
    {
        $this->fields = $fields;
        $this->options = $options;
    }

    /**
     * Reads the additions of an order.
     *
     * @param DataObject|\Magento\Sales\Model\Order $object
     * @param array $stored
     * @return array
     */
    public function of(DataObject $object, array $stored): array
    {
        $items = [];
        foreach ($object->getAllItems() as $item) {
            $fields = $this->fields->of($item, self::ITEM);
            $items[] = $fields + [
                'order_item_id' => $fields['item_id'],
                'options' => $this->options->of($item),
            ];
        }

        return $this->fields->of($object, self::FIELDS, $stored)
            + $this->ofBuyer($object, $stored)
            + ['items' => $items];
    }

    /**
     * Reads customer, payment and shipping.
     *
     * @param DataObject|\Magento\Sales\Model\Order $order
     * @param array $stored
     * @return array
     */
    public function ofBuyer(DataObject $order, array $stored = []): array
    {
        $payment = $order->getPayment();

        return $this->fields->of($order, self::BUYER, $stored) + [
            'payment_method' => $payment ? $payment->getMethod() : null,
        ];
    }
}
