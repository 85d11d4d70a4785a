<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;

/**
 * Reads what a full detail says of a customer's account.
 */
class CustomerAdditions implements AdditionsInterface
{
    /**
     * Reads the additions of the customer whom the event is about.
     *
     * @param DataObject $object
     * @param array $stored
     * @return array
     */
    public function of(DataObject $object, array $stored): array
    {
        /** @var \Magento\Customer\Api\Data\CustomerInterface $customer */
        $customer = $object->getData('customer') ?? $object->getData('customer_data_object');

        return [
            'group_id' => $customer->getGroupId(),
            'updated_at' => $customer->getUpdatedAt(),
        ];
    }
}
