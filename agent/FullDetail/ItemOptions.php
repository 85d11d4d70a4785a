<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;

/**
 * Reads the chosen options of a product: a configurable's attributes, custom options, a bundle's parts.
 */
class ItemOptions
{
    private const CHOSEN = ['attributes_info', 'options', 'additional_options'];
    private const BUNDLED = 'bundle_options';

    /**
     * Returns the options of an order's item as labels with values.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Item $item
     * @return array[]
     */
    public function of(DataObject $item): array
    {
        return $this->labelled($item->getProductOptions());
    }

    /**
     * Returns the options of a cart's item as those of an order's item.
     *
     * The product's type writes them as it does when the order is placed. A product that the item has not
     * loaded stays so: the options are then not known.
     *
     * @param DataObject|\Magento\Quote\Model\Quote\Item $item
     * @return array[]|null
     */
    public function ofCart(DataObject $item): ?array
    {
        $product = $item->getData('product');

        return $product ? $this->labelled($product->getTypeInstance()->getOrderOptions($product)) : null;
    }

    /**
     * Returns the options that a product's type wrote as labels with values.
     *
     * @param mixed $options
     * @return array[]
     */
    private function labelled($options): array
    {
        if (!is_array($options)) {
            return [];
        }
        $chosen = [];
        foreach (self::CHOSEN as $kind) {
            foreach ($this->arrays($options[$kind] ?? null) as $option) {
                $chosen[] = $this->option($option['label'] ?? null, $option['print_value'] ?? $option['value'] ?? null);
            }
        }
        foreach ($this->arrays($options[self::BUNDLED] ?? null) as $option) {
            foreach ($this->arrays($option['value'] ?? null) as $part) {
                $chosen[] = $this->option(
                    $option['label'] ?? null,
                    sprintf('%s x %s', $this->text($part['qty'] ?? null), $this->text($part['title'] ?? null))
                );
            }
        }

        return $chosen;
    }

    /**
     * Returns the members that are arrays; of anything but an array, none.
     *
     * @param mixed $value
     * @return array[]
     */
    private function arrays($value): array
    {
        return is_array($value) ? array_filter($value, 'is_array') : [];
    }

    /**
     * Returns a label with its value.
     *
     * @param mixed $label
     * @param mixed $value
     * @return string[]
     */
    private function option($label, $value): array
    {
        return ['label' => $this->text($label), 'value' => $this->text($value)];
    }

    /**
     * Returns a value as text.
     *
     * @param mixed $value
     * @return string
     */
    private function text($value): string
    {
        if (is_array($value)) {
            return implode(', ', array_filter($value, 'is_scalar'));
        }

        return is_scalar($value) || (is_object($value) && method_exists($value, '__toString')) ? (string)$value : '';
    }
}
