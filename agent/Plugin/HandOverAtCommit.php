<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Framework\DB\Adapter\AdapterInterface;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;

/**
 * Hands over captures when the transactions that they describe commit, and drops them at a rollback.
 *
 * Magento creates it with its first transaction, so that it depends on nothing: a buffer connects itself when there is
 * something to capture.
 */
class HandOverAtCommit
{
    /**
     * @var TransactionBuffer|null
     */
    private $buffer;

    /**
     * Connects the buffer that holds the captures.
     */
    public function connect(TransactionBuffer $buffer): void
    {
        $this->buffer = $buffer;
    }

    public function beforeCommit(AdapterInterface $connection): void
    {
        if ($this->buffer !== null && !$this->buffer->isEmpty() && $connection->getTransactionLevel() === 1) {
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
        if ($this->buffer !== null && !$this->buffer->isEmpty() && $connection->getTransactionLevel() === 0) {
            $this->buffer->afterCommit($connection);
        }

        return $result;
    }

    /**
     * Magento never commits a transaction if an inner one was rolled back. Without an open transaction, there was a commit:
     * another plugin failed after it, and whoever saved tries to roll back.
     */
    public function beforeRollBack(AdapterInterface $connection): void
    {
        if ($this->buffer === null || $this->buffer->isEmpty()) {
            return;
        }
        if ($connection->getTransactionLevel() === 0) {
            $this->buffer->afterCommit($connection);
        } else {
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
        if ($this->buffer !== null && !$this->buffer->isEmpty() && $connection->getTransactionLevel() === 0) {
            $this->buffer->afterRollBack($connection);
        }

        return $result;
    }
}
