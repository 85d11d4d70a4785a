<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A customer whose account has just been created.
 */
class NewCustomer implements SnapshotInterface
{
    private const CUSTOMER = 'customer_data_object';

    /**
     * @var Customer
     */
    private $customer;

    /**
     * @param Customer $customer
     */
    public function __construct(Customer $customer)
    {
        $this->customer = $customer;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return (int)$object->getData(self::CUSTOMER)->getStoreId() ?: null;
    }

    /**
     * @inheritdoc
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return $this->customer->describe($object->getData(self::CUSTOMER), true);
    }
}
