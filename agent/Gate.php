<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\DB\Adapter\AdapterInterface;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use Magento\Framework\ObjectManagerInterface;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Watcher\Watchers;

/**
 * Observes all events of etc/events.xml, passes on calls of plugins while an event is switched on, and reports commits
 * and rollbacks to the buffer that holds captures.
 *
 * It creates the part of the agent that handles the call. Plugins depend on this class alone, it is the observer itself
 * and the plugin of database connections: with everything off, a request loads no other class of the agent. Magento
 * creates it with its first transaction or event, so that it depends on the object manager alone. A failure, also one of
 * creating the part, is logged, and the shop goes on.
 */
class Gate implements ObserverInterface
{
    /**
     * The settings that switch events on in any store view: see Plugin\ListSwitchedOnEvents.
     */
    public const SWITCHED_ON = 'aws_eventbridge/agent/switched_on';

    private const CLOSED_SECONDS = 1.0;

    /**
     * @var ObjectManagerInterface
     */
    private $objects;

    /**
     * @var ScopeConfigInterface|null
     */
    private $config;

    /**
     * The buffer connects itself when there is something to capture.
     *
     * @var TransactionBuffer|null
     */
    private $buffer;

    /**
     * @var float
     */
    private $closedUntil = 0.0;

    /**
     * @param ObjectManagerInterface $objects
     */
    public function __construct(ObjectManagerInterface $objects)
    {
        $this->objects = $objects;
    }

    /**
     * @inheritdoc
     */
    public function execute(Observer $observer)
    {
        $name = 'an event';
        try {
            if ($this->isOpen()) {
                $event = $observer->getEvent();
                $name = (string)$event->getName();
                $watcher = $this->objects->get(Watchers::class)->of($name);
                if ($watcher !== null) {
                    $watcher->on($name, $event);
                }
            }
        } catch (\Throwable $failure) {
            $this->log($name, $failure);
        }
    }

    /**
     * Calls a function with a part of the agent, unless all events are switched off.
     *
     * @param string $what named in the log
     * @param string $part its class or virtual type
     * @param callable $do takes the part
     * @return void
     */
    public function run(string $what, string $part, callable $do): void
    {
        try {
            if ($this->isOpen()) {
                $do($this->objects->get($part));
            }
        } catch (\Throwable $failure) {
            $this->log($what, $failure);
        }
    }

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

    /**
     * Returns whether an event may be on. That none is on is remembered for a second.
     */
    private function isOpen(): bool
    {
        $now = microtime(true);
        if ($now < $this->closedUntil) {
            return false;
        }
        $this->config = $this->config ?? $this->objects->get(ScopeConfigInterface::class);
        // Null, if the list is missing: then the parts look at the settings themselves.
        if ($this->config->getValue(self::SWITCHED_ON) !== '') {
            return true;
        }
        $this->closedUntil = $now + self::CLOSED_SECONDS;

        return false;
    }

    private function log(string $what, \Throwable $failure): void
    {
        try {
            $this->objects->get(Fence::class)->log($what, $failure);
        } catch (\Throwable $exception) {
            // Without a log, the shop goes on, too.
            return;
        }
    }
}
