<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\Fields;

/**
 * Reads the additional fields of full details of a cart item and its cart.
 */
class CartItemAdditions implements AdditionsInterface
{
    private const FIELDS = ['row_total', 'discount_amount', 'created_at', 'updated_at'];
    private const CART = [
        'quote_currency_code',
        'base_currency_code',
        'customer_id',
        'customer_email',
        'customer_group_id',
        'customer_is_guest',
    ];

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
     * Reads the additions of a cart's item.
     *
     * @param DataObject|\Magento\Quote\Model\Quote\Item $object
     * @param array $stored
     * @return array
     */
    public function of(DataObject $object, array $stored): array
    {
        $cart = $object->getQuote();

        return $this->fields->of($object, self::FIELDS, $stored)
            + ($cart ? $this->fields->of($cart, self::CART) : [])
            + ['options' => $this->options->ofCart($object)];
    }
}
