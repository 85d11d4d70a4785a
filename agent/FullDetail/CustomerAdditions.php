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
     * @param DataObject $thing
     * @param array $stored
     * @return array
     */
    public function of(DataObject $thing, array $stored): array
    {
        /** @var \Magento\Customer\Api\Data\CustomerInterface $customer */
        $customer = $thing->getData('customer') ?? $thing->getData('customer_data_object');

        return [
            'group_id' => $customer->getGroupId(),
            'updated_at' => $customer->getUpdatedAt(),
        ];
    }
}
