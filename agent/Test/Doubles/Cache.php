<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\App\CacheInterface;

/**
 * A cache in memory that forgets nothing.
 */
class Cache implements CacheInterface
{
    /**
     * @var array
     */
    public $saved = [];

    public function load($identifier)
    {
        return $this->saved[$identifier] ?? false;
    }

    public function save($data, $identifier)
    {
        $this->saved[$identifier] = $data;
    }
}
