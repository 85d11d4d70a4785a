<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * Picks the fields of an allow-list from an object's data.
 */
class Fields
{
    private const ADDRESS = ['country_id', 'region', 'city', 'postcode'];

    /**
     * Returns the named fields of the object; anything but a scalar is null.
     *
     * @param DataObject $object
     * @param string[] $names
     * @param array $stored values of the fields that the object does not have
     * @return array
     */
    public function of(DataObject $object, array $names, array $stored = []): array
    {
        $fields = [];
        foreach ($names as $name) {
            $value = $object->hasData($name) ? $object->getData($name) : $stored[$name] ?? null;
            $fields[$name] = is_scalar($value) ? $value : null;
        }

        return $fields;
    }

    /**
     * Returns the store view that the object belongs to; null where it belongs to none.
     */
    public function storeIdOf(DataObject $object): ?int
    {
        $storeId = $object->getData('store_id');

        return $storeId === null ? null : (int)$storeId;
    }

    /**
     * Returns an address of an order.
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
