<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\Model\AbstractModel;

/**
 * A customer that has a row; a copy of it has no ID, as in Magento.
 */
class CustomerModel extends AbstractModel
{
    /**
     * @var Database
     */
    private $database;

    public function __construct(Database $database, array $data)
    {
        parent::__construct($data);
        $this->database = $database;
    }

    public function __clone()
    {
        $this->_data['entity_id'] = null;
    }

    public function getDataModel(): AbstractModel
    {
        return new self($this->database, $this->getData());
    }

    public function setId($id): self
    {
        return $this->setData('entity_id', $id);
    }

    public function getResource(): object
    {
        return new class ($this->database) {
            private $database;

            public function __construct(Database $database)
            {
                $this->database = $database;
            }

            public function getConnection(): Database
            {
                return $this->database;
            }

            public function getEntityTable(): string
            {
                return 'customer_entity';
            }

            public function getIdFieldName(): string
            {
                return 'entity_id';
            }
        };
    }
}
