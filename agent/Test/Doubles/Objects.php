<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\ObjectManagerInterface;

/**
 * An object manager that counts what is asked of it.
 */
class Objects implements ObjectManagerInterface
{
    /**
     * @var object[] by their names
     */
    public $objects = [];

    /**
     * @var string[]
     */
    public $asked = [];

    public function get($type)
    {
        $this->asked[] = $type;

        if (!isset($this->objects[$type])) {
            throw new \LogicException('No such object: ' . $type);
        }

        return $this->objects[$type];
    }
}
