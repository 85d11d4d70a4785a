<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A customer whose account was just created; for one that was saved again there is no event.
 */
class NewCustomer implements SnapshotInterface
{
    private const CUSTOMER = 'customer_data_object';
    private const FORMER = 'orig_customer_data_object';

    /**
     * @var Customer
     */
    private $customer;

    public function __construct(Customer $customer)
    {
        $this->customer = $customer;
    }

    public function storeId(DataObject $object): ?int
    {
        $storeId = $object->getData(self::CUSTOMER)->getStoreId();

        return $storeId === null ? null : (int)$storeId;
    }

    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        if ($object->getData(self::FORMER) !== null) {
            return null;
        }

        return $this->customer->describe($object->getData(self::CUSTOMER), true);
    }
}
