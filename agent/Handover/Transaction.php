<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\DB\Adapter\AdapterInterface;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\State\FirstRows;
use MagentoEventBridge\Agent\State\ObjectState;

/**
 * The captures of one open transaction.
 */
class Transaction
{
    /**
     * @var AdapterInterface
     */
    public $connection;

    /**
     * @var Capture[] by key
     */
    public $captures = [];

    /**
     * @var (ObjectState|null)[] by the keys of the captures
     */
    public $states = [];

    /**
     * The rows of entities before the transaction first saved them.
     *
     * @var FirstRows
     */
    public $rows;

    /**
     * Whether its captures were written, and only the commit is missing.
     *
     * @var bool
     */
    public $isWritten = false;

    /**
     * What waits for the commit.
     *
     * @var array[] of a TransportInterface and its captures
     */
    public $waiting = [];

    /**
     * The states to settle after the commit.
     *
     * @var ObjectState[]
     */
    public $written = [];

    public function __construct(AdapterInterface $connection)
    {
        $this->connection = $connection;
        $this->rows = new FirstRows();
    }

    /**
     * Marks all captures as written.
     */
    public function write(): void
    {
        $this->isWritten = true;
        $this->written = array_merge($this->written, array_values(array_filter($this->states)));
        $this->captures = [];
        $this->states = [];
    }
}
