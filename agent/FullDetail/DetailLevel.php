<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;

/**
 * Reads the level of detail of a store view.
 */
class DetailLevel
{
    private const PATH = 'aws_eventbridge/options/detail';
    private const FULL = 'full';

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @param ScopeConfigInterface $config
     */
    public function __construct(ScopeConfigInterface $config)
    {
        $this->config = $config;
    }

    /**
     * Returns whether a store view wants full details.
     */
    public function isFull(int $storeId): bool
    {
        return $this->config->getValue(self::PATH, ScopeInterface::SCOPE_STORE, $storeId) === self::FULL;
    }
}
