<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Sales\Api\OrderRepositoryInterface;

/**
 * The orders that a database holds.
 */
class Orders implements OrderRepositoryInterface
{
    /**
     * @var Database
     */
    private $database;

    public function __construct(Database $database)
    {
        $this->database = $database;
    }

    public function get($id)
    {
        return new StoredModel($this->database, 'sales_order', $this->database->things['sales_order'][$id]);
    }
}
