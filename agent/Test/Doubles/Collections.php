<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\DataObject;

/**
 * A factory of collections that hold the rows of a list.
 */
class Collections
{
    /**
     * @var array[]
     */
    public $rows = [];

    public function create(): \ArrayObject
    {
        $objects = array_map(function (array $row): DataObject {
            return new DataObject($row);
        }, $this->rows);

        return new class ($objects) extends \ArrayObject {
            public function setShipmentFilter(): self
            {
                return $this;
            }

            public function setOrder(): self
            {
                return $this;
            }
        };
    }
}
