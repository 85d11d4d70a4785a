<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * Picks from a thing's data what an allow-list names, and nothing else.
 */
class Fields
{
    private const ADDRESS = ['country_id', 'region', 'city', 'postcode'];

    /**
     * Gives the named fields of the thing; what is no plain value is null.
     *
     * @param DataObject $thing
     * @param string[] $names
     * @param array $stored values of the fields that the thing does not have
     * @return array
     */
    public function of(DataObject $thing, array $names, array $stored = []): array
    {
        $fields = [];
        foreach ($names as $name) {
            $value = $thing->hasData($name) ? $thing->getData($name) : $stored[$name] ?? null;
            $fields[$name] = is_scalar($value) ? $value : null;
        }

        return $fields;
    }

    /**
     * Gives the store view that the thing belongs to; null where it belongs to none.
     */
    public function storeIdOf(DataObject $thing): ?int
    {
        $storeId = $thing->getData('store_id');

        return $storeId === null ? null : (int)$storeId;
    }

    /**
     * Gives an address of an order.
     *
     * @param \Magento\Sales\Model\Order\Address|null $address
     * @return array|null
     */
    public function ofAddress($address): ?array
    {
        if (!$address) {
            return null;
        }

        return $this->of($address, self::ADDRESS) + ['street' => array_values((array)$address->getStreet())];
    }
}
