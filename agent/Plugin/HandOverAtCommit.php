<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\DB\Adapter\AdapterInterface;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;

/**
 * Hands over captures when the transactions that they describe commit, and drops them at a rollback.
 */
class HandOverAtCommit
{
    /**
     * @var TransactionBuffer
     */
    private $buffer;

    public function __construct(TransactionBuffer $buffer)
    {
        $this->buffer = $buffer;
    }

    /**
     * Before a transaction begins, hands over what the last one left.
     */
    public function beforeBeginTransaction(AdapterInterface $connection): void
    {
        if (!$this->buffer->isEmpty() && $connection->getTransactionLevel() === 0) {
            $this->buffer->startAnew($connection);
        }
    }

    public function beforeCommit(AdapterInterface $connection): void
    {
        if (!$this->buffer->isEmpty() && $connection->getTransactionLevel() === 1) {
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
        if (!$this->buffer->isEmpty() && $connection->getTransactionLevel() === 0) {
            $this->buffer->afterCommit($connection);
        }

        return $result;
    }

    /**
     * Magento never commits a transaction of which an inner part was rolled back.
     */
    public function beforeRollBack(AdapterInterface $connection): void
    {
        if (!$this->buffer->isEmpty()) {
            $this->buffer->forget($connection);
        }
    }

    /**
     * After the rollback, sends what another connection has committed.
     *
     * @param AdapterInterface $connection
     * @param AdapterInterface $result
     * @return AdapterInterface
     */
    public function afterRollBack(AdapterInterface $connection, $result)
    {
        if (!$this->buffer->isEmpty() && $connection->getTransactionLevel() === 0) {
            $this->buffer->afterRollBack($connection);
        }

        return $result;
    }
}
