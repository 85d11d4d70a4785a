<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Customer\Api\Data\CustomerInterface;
use Magento\Framework\DataObject;

/**
 * The customer who logs in or out; Magento passes a model or a data object.
 */
class Customer implements SnapshotInterface
{
    private const CUSTOMER = 'customer';

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        // A customer whom an admin created may have no store view: the current one counts.
        return (int)$object->getData(self::CUSTOMER)->getStoreId() ?: null;
    }

    /**
     * @inheritdoc
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return $this->describe($object->getData(self::CUSTOMER), false);
    }

    /**
     * Describes a customer.
     *
     * @param CustomerInterface|\Magento\Customer\Model\Customer $customer
     * @param bool $isNew
     * @return Snapshot|null
     */
    public function describe($customer, bool $isNew): ?Snapshot
    {
        if (!$customer->getId()) {
            return null;
        }

        return new Snapshot(
            'customer/' . $customer->getId(),
            [
                'id' => (int)$customer->getId(),
                'created_at' => $customer->getCreatedAt(),
                'email' => $customer->getEmail(),
                'firstname' => $customer->getFirstname(),
                'gender' => $customer->getGender(),
                'lastname' => $customer->getLastname(),
                'middlename' => $customer->getMiddlename(),
                'prefix' => $customer->getPrefix(),
                'suffix' => $customer->getSuffix(),
                'store_id' => $customer->getStoreId(),
                'website_id' => $customer->getWebsiteId(),
            ],
            $isNew
        );
    }
}
