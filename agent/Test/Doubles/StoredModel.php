<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\Model\AbstractModel;

/**
 * An object that has a row: an order, a line of a cart.
 */
class StoredModel extends AbstractModel
{
    /**
     * @var Database
     */
    private $database;

    /**
     * @var string
     */
    private $table;

    public function __construct(Database $database, string $table, array $data)
    {
        parent::__construct($data);
        $this->database = $database;
        $this->table = $table;
    }

    public function getResource(): object
    {
        return new class ($this->database, $this->table) {
            private $database;
            private $table;

            public function __construct(Database $database, string $table)
            {
                $this->database = $database;
                $this->table = $table;
            }

            public function getConnection(): Database
            {
                return $this->database;
            }

            public function getMainTable(): string
            {
                return $this->table;
            }

            public function getIdFieldName(): string
            {
                return 'entity_id';
            }
        };
    }

    public function getAllItems(): array
    {
        return $this->getData('all_items') ?: [];
    }
}
