<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\Lock\LockManagerInterface;

/**
 * Locks in memory.
 */
class Locks implements LockManagerInterface
{
    /**
     * @var bool[] by name
     */
    public $locked = [];

    /**
     * @var bool whether another process has all locks
     */
    public $isTaken = false;

    public function lock(string $name, int $timeout = -1): bool
    {
        if ($this->isTaken || isset($this->locked[$name])) {
            return false;
        }

        return $this->locked[$name] = true;
    }

    public function unlock(string $name): bool
    {
        unset($this->locked[$name]);

        return true;
    }
}
