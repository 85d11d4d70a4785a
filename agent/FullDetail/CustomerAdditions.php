<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;

/**
 * Reads the additional fields of full details of a customer account.
 */
class CustomerAdditions implements AdditionsInterface
{
    /**
     * Reads the additions of the event's customer.
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
