<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\DB\Adapter\AdapterInterface;
use MagentoEventBridge\Agent\State\ObjectState;

/**
 * What is left to do after one commit.
 */
class WrittenCaptures
{
    /**
     * @var AdapterInterface
     */
    public $connection;

    /**
     * The captures that wait for the commit.
     *
     * @var array[] of a TransportInterface and its captures
     */
    public $waiting;

    /**
     * The states to settle after the commit.
     *
     * @var ObjectState[]
     */
    public $states;

    /**
     * Whether the commit has succeeded and the captures were sent, or were dropped.
     *
     * @var bool
     */
    public $isCompleted = false;

    /**
     * @param AdapterInterface $connection
     * @param array[] $waiting
     * @param (ObjectState|null)[] $states
     */
    public function __construct(AdapterInterface $connection, array $waiting, array $states)
    {
        $this->connection = $connection;
        $this->waiting = $waiting;
        $this->states = array_filter($states);
    }
}
