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
     * Kept, so that PHP does not reuse its object ID.
     *
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

    public function __construct(AdapterInterface $connection)
    {
        $this->connection = $connection;
        $this->rows = new FirstRows();
    }
}
