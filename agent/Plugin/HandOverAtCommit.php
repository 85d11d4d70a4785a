<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\App\ResourceConnection;
use Magento\Framework\DB\Adapter\AdapterInterface;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;

/**
 * Hands over captures when transactions of the default connection commit, and drops them at a rollback.
 */
class HandOverAtCommit
{
    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * @var ResourceConnection
     */
    private $resource;

    public function __construct(TransactionBuffer $buffer, ResourceConnection $resource)
    {
        $this->buffer = $buffer;
        $this->resource = $resource;
    }

    /**
     * Before a transaction begins, hands over what the last one left.
     */
    public function beforeBeginTransaction(AdapterInterface $connection): void
    {
        if ($this->isConcerned($connection) && $connection->getTransactionLevel() === 0) {
            $this->buffer->startAnew();
        }
    }

    public function beforeCommit(AdapterInterface $connection): void
    {
        if ($this->isConcerned($connection) && $connection->getTransactionLevel() === 1) {
            $this->buffer->beforeCommit($connection);
        }
    }

    /**
     * After the commit, sends what waited for it.
     *
     * @param AdapterInterface $connection
     * @param AdapterInterface $result
     * @return AdapterInterface
     */
    public function afterCommit(AdapterInterface $connection, $result)
    {
        if ($connection->getTransactionLevel() === 0 && $this->isDefault($connection)) {
            $this->buffer->afterCommit();
        }

        return $result;
    }

    /**
     * Magento never commits a transaction of which an inner part was rolled back.
     */
    public function beforeRollBack(AdapterInterface $connection): void
    {
        if ($this->isConcerned($connection)) {
            $this->buffer->forget();
        }
    }

    private function isConcerned(AdapterInterface $connection): bool
    {
        return !$this->buffer->isEmpty() && $this->isDefault($connection);
    }

    private function isDefault(AdapterInterface $connection): bool
    {
        return $connection === $this->resource->getConnection();
    }
}
